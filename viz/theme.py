"""The palette: one hex per role and theme, and the style sheet that maps the one onto the other.

>>> PALETTE["ink"]
('#1e293b', '#e6edf5')
>>> light("ink"), dark("ink")
('#1e293b', '#e6edf5')
"""

from __future__ import annotations

_HEX = """
page ffffff 0f141b · ink 1e293b e6edf5 · ink2 5a6980 93a3b8 · shp 51627b 94a6c0 ·
in_bg e6f1fb 10283d · in_br 1f74b8 58a6ea · par_bg fdf3d7 33280b · par_br b08000 f0c24b ·
const_bg f1f3f6 1d232c · const_br 9aa5b4 6b7889 · op_bg fbfcfe 171e28 · op_br 7b8aa0 75869d ·
out_bg e3f4ee 0c2f27 · out_br 007a5a 3ad0a0 · bwd_bg fdf0e7 351c0c · bwd_br b8400a f0813a ·
bwd_ink 8a3304 ffb184 · vjp_bg fff9f4 241811 · vjp_br eec9ab 7a4522 · fwd 44546b a3b3ca ·
ct b8410b f0823b · res 8560c0 c79bf2 · res_ink 6b4fa0 cdb6f5 · sc_bg f7f9fc 141a23 ·
sc_br d3dbe6 2b3644 · sc2_bg eff3f8 19212c · fold_bg eef0fb 1b1e3c · fold_br 4a55d6 8690ff ·
fold_ink 3f49c4 a3abff
"""

PALETTE: dict[str, tuple[str, str]] = {
    role: (f"#{day}", f"#{night}")
    for role, day, night in (entry.split() for entry in _HEX.split("·"))
}

SANS = 'Inter,"Segoe UI","Helvetica Neue",Arial,"Noto Sans","Noto Sans CJK KR",sans-serif'
MONO = (
    '"JetBrains Mono","SF Mono",Menlo,Consolas,"DejaVu Sans Mono","Noto Sans Mono CJK KR",monospace'
)

# What is written on what: the pairs that the contrast test measures.
TEXT_ON = {
    "in_bg": ("ink", "shp", "res_ink"),
    "par_bg": ("ink", "shp", "res_ink"),
    "const_bg": ("ink", "shp", "res_ink"),
    "op_bg": ("ink", "shp", "ink2", "res_ink"),
    "out_bg": ("ink", "shp", "res_ink"),
    "bwd_bg": ("bwd_ink", "shp", "res_ink"),
    "vjp_bg": ("bwd_ink", "shp", "ink2"),
    "page": ("ink", "ink2", "bwd_ink", "res_ink", "fold_ink", "fwd", "ct"),
    "sc_bg": ("ink2", "bwd_ink", "res_ink"),
    "sc2_bg": ("ink2", "bwd_ink", "res_ink"),
    "fold_bg": ("ink", "shp", "ink2", "bwd_ink", "res_ink", "fold_ink"),
}


def light(role: str) -> str:
    """The hex of a role by day; it stands in the attributes, for viewers without CSS."""
    return PALETTE[role][0]


def dark(role: str) -> str:
    """The hex of a role by night."""
    return PALETTE[role][1]


def luminance(color: str) -> float:
    """Relative luminance of ``#rrggbb`` as WCAG 2 defines it."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _mapping(scope: str, column: int) -> str:
    """Rules that give every literal colour its value in one theme.

    Plain values, not CSS variables: programs that know neither (Inkscape, resvg) then keep the
    literal colours of the attributes.
    """
    rules = [f"{scope}{{background:{PALETTE['page'][column]}}}"]
    for pair in PALETTE.values():
        for name in ("fill", "stroke"):
            rules.append(f'{scope} [{name}="{pair[0]}"]{{{name}:{pair[column]}}}')
    return "".join(rules)


def style_sheet(theme: str = "auto") -> str:
    """The CSS of a picture: colours by role in both themes, fonts, dashes, halos.

    A forced theme has its hex in the attributes already and needs no mapping.
    """
    rules = [
        "svg.calc text{font-variant-ligatures:none}",
        "svg.calc .edge path{stroke-linecap:round}",
        "svg.calc .ct path{stroke-dasharray:5.5 3.5}",
        "svg.calc .res path{stroke-dasharray:.1 4.2}",
        "svg.calc .const path{stroke-dasharray:4 3}",
        "svg.calc .halo{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}",
    ]
    if theme == "auto":
        rules += [
            f"@media (prefers-color-scheme:dark){{{_mapping('svg.calc', 1)}}}",
            _mapping(":root[data-theme=dark] svg.calc", 1),
            _mapping(":root[data-theme=light] svg.calc", 0),
        ]
    return "".join(rules)
