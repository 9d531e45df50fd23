import pytest

from smsrelay_worker.vendors.yisha.credentials import AppCode, AppKey, Call, string_to_sign

CALL = Call(
    path="/comms/sms/sendmsg",
    form={
        "templateID": "0000000",
        "mobile": "+8613800138000",
        "templateParamSet": "1234, 5",
        "channel": "",
        "callbackUrl": "https://sms.example/callback/m/1/x",
    },
    nonce="5b1c7d36-0000-4000-8000-2d2f1c3c9b10",
    timestamp_ms=1700000000000,
)
KEY = AppKey("203700001", "aliyun-app-secret")

# Written by hand from the gateway's signature guide; its HMAC by `openssl dgst -sha256 -hmac aliyun-app-secret`.
STRING_TO_SIGN = """POST
application/json

application/x-www-form-urlencoded; charset=UTF-8

X-Ca-Key:203700001
X-Ca-Nonce:5b1c7d36-0000-4000-8000-2d2f1c3c9b10
X-Ca-Signature-Method:HmacSHA256
X-Ca-Timestamp:1700000000000
/comms/sms/sendmsg?callbackUrl=https://sms.example/callback/m/1/x&channel&mobile=+8613800138000\
&templateID=0000000&templateParamSet=1234, 5"""
SIGNATURE = "MgTkiZ/MefHUxfkmp7cfr9KwqhCAJdbYeVYsJ7i+b7s="


def test_appcode_travels_with_a_nonce() -> None:
    assert AppCode("abc").headers(CALL) == {"Authorization": "APPCODE abc", "X-Ca-Nonce": CALL.nonce}


def test_the_string_to_sign_is_the_guide_s() -> None:
    signed = {name: value for name, value in KEY.headers(CALL).items() if not name.startswith("X-Ca-Signature")}
    signed["X-Ca-Signature-Method"] = "HmacSHA256"
    assert string_to_sign(CALL, signed) == STRING_TO_SIGN


def test_the_signature_is_the_one_computed_by_openssl() -> None:
    assert KEY.headers(CALL) == {
        "X-Ca-Key": "203700001",
        "X-Ca-Nonce": CALL.nonce,
        "X-Ca-Signature-Method": "HmacSHA256",
        "X-Ca-Timestamp": "1700000000000",
        "X-Ca-Signature-Headers": "X-Ca-Key,X-Ca-Nonce,X-Ca-Signature-Method,X-Ca-Timestamp",
        "X-Ca-Signature": SIGNATURE,
    }


def test_no_repr_shows_a_credential_or_a_form() -> None:
    shown = repr([AppCode("the-code"), AppKey("the-key", "the-secret"), CALL])
    assert not any(secret in shown for secret in ("the-code", "the-key", "the-secret", "138", "1234, 5"))


@pytest.mark.parametrize("wrong", ["", " ", "abc ", "abc\n", "äbc", "a\r\nX-Evil: 1"])
def test_a_credential_that_fits_in_no_header_is_refused_without_being_quoted(wrong: str) -> None:
    with pytest.raises(ValueError, match="printable ASCII") as caught:
        AppCode(wrong)
    assert not wrong.strip() or wrong not in str(caught.value)
    with pytest.raises(ValueError, match="AppSecret"):
        AppKey("key", wrong)
