"""A picture as pixels, twice as fine as its units, by resvg."""

from keelback.errors import UserError, to_install

ZOOM = 2


def png_of(svg: str) -> bytes:
    """Return a picture as a PNG file.  Raises: UserError when resvg is not installed."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UserError(f"--png needs resvg, which is not installed: {to_install('png')}") from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=ZOOM, monospace_family="DejaVu Sans Mono"))
