"""What every line of the log goes through."""

from __future__ import annotations

import logging

from plans.card_numbers import masked


class WithoutCardNumbers(logging.Filter):
    """Masks card numbers in what is logged, with the text of an error too: nothing that is kept may hold one."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        clean = masked(text)
        if clean != text:
            record.msg, record.args = clean, None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = masked(record.exc_text)
        return True
