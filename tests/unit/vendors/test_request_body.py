from smsrelay_worker.vendors.yisha.request_body import Form


def test_the_plus_of_a_number_travels_percent_encoded() -> None:
    form = Form({"mobile": "+8613800138000", "templateParamSet": "验, 5"})
    assert b"".join(form) == b"mobile=%2B8613800138000&templateParamSet=%E9%AA%8C%2C%205"


def test_a_form_has_begun_only_when_its_bytes_are_asked_for() -> None:
    form = Form({"a": "b"})
    assert len(form) == 3
    body = iter(form)
    assert not form.begun
    next(body)
    assert form.begun
