"""The codes that the vendor documents. The policy file must have a row for each of them."""

# The 34 status codes of the vendor's guide (table 状态码).
# fmt: off
GUIDE_CODES = frozenset({
    "200", "203", "207", "210", "211", "220", "221", "222", "229", "230", "231", "234", "237", "238",
    "250", "286", "290", "292", "295", "500", "502", "503", "504", "505", "506", "507", "508", "510",
    "511", "512", "513", "514", "515", "599",
})
# fmt: on
SUBMIT_CODES = ("0000", "i005", "9999", "1999")  # of the answer to a submit
