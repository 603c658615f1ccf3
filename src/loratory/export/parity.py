"""Whether an exported model computes what the run does, when its own reader is asked the same.

What merging asks is in certificate.py; here is what all other kinds have in common, and the sizes.
"""

from typing import Any

from torch import nn

from loratory.errors import NumericsError
from loratory.export.certificate import TOLERANCE_IS, Checked, Difference

_FLOAT_BYTES = 4


def float32_bytes(network: nn.Module) -> int:
    """Return what the network's weights take in float32."""
    return sum(parameter.numel() for parameter in network.parameters()) * _FLOAT_BYTES


def sizes(written: int, whole: int) -> dict[str, Any]:
    """Return what a certificate says of the bytes `written` beside those of the float32 weights."""
    return {"bytes": written, "float32_bytes": whole, "share_of_float32": written / whole}


def require_near(apart: Difference, tolerance: float, *, reader: str, at: str) -> None:
    """Refuse what the reader makes other logits of than `tolerance` allows.

    Raises:
        NumericsError: NUM-EXPORT.
    """
    allowed = apart.allowed(tolerance)
    if not apart.greatest <= allowed:
        raise not_the_same(
            reader,
            at=at,
            got=f"a logit that differs by {apart.greatest:.3g}",
            expected=f"at most {allowed:.3g} (tolerance {tolerance:g}, {TOLERANCE_IS})",
            fix="use the run as it is, or export it to transformers",
        )


def not_the_same(reader: str, *, at: str, got: str, expected: str, fix: str) -> NumericsError:
    """Return the error of an export that its reader computes something else with."""
    problem = f"{reader} does not compute what the run does; nothing was written"
    return NumericsError("NUM-EXPORT", problem, at=at, got=got, expected=expected, fix=fix)


def told(apart: Difference, checked: Checked, tolerance: float) -> dict[str, Any]:
    """Return what a certificate says of logits in float32."""
    return {
        "precision": "float32",
        "split": checked.split,
        "rows": len(checked.rows),
        "positions": apart.positions,
        "tolerance": tolerance,
        "tolerance_is": TOLERANCE_IS,
        "largest_logit": apart.largest_logit,
        "max_logit_difference": apart.greatest,
        "mean_logit_difference": apart.mean,
    }
