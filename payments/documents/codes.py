"""Codes to scan, drawn without any service: as SVG text that a page and the PDF embed."""

from __future__ import annotations

import io

import segno


def svg(payload: str) -> str:
    """The code as one `<svg>` element that scales; its quiet zone of four modules is part of it."""
    found = io.BytesIO()
    code = segno.make(payload, error="m", micro=False, encoding="utf-8")
    code.save(found, kind="svg", border=4, xmldecl=False, omitsize=True, dark="#000", light="#fff", nl=False)
    return found.getvalue().decode()
