"""How dates read in Polish: after its day a month stands in the genitive, and small; days have 24 hours."""

DATE_FORMAT = "j b Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j b Y, H:i"


def __getattr__(name: str) -> str:
    """Turn a format that a template writes out, such as `l j F Y`, into the Polish one. Names of formats are Django's.

    Django asks a language's module for every format by what stands in the template.
    """
    if " " not in name:
        raise AttributeError(name)
    return name.replace("F", "E").replace("M", "b").replace("l j", "l, j").replace("D j", "D, j")
