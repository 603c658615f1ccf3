"""Reading a file at once, and what to say when that cannot be done."""

from difflib import get_close_matches
from pathlib import Path
from stat import S_ISREG

from loratory.errors import DataError


def file_content(path: Path) -> bytes:
    """Return the bytes of a regular file.

    Raises:
        DataError: there is no such file, or it cannot be read (DATA-FILE).
    """
    full = path.expanduser().absolute()
    try:
        # Before opening: to open a named pipe is to wait for its other end.
        if S_ISREG(full.stat().st_mode):
            return full.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise missing_file(full) from None
    except (OSError, ValueError) as error:
        raise DataError(
            "DATA-FILE",
            f"the file cannot be read ({error})",
            at=str(full),
            fix="check the path and the file's permissions",
        ) from None
    raise DataError(
        "DATA-FILE",
        "this is not a regular file",
        at=str(full),
        got="a folder" if full.is_dir() else "a device or pipe",
        expected="a file",
        fix="name a file of rows, such as rows.csv",
    )


def missing_file(path: Path) -> DataError:
    """Return the error for a path that does not exist, with the nearest names there are."""
    absent, folder = path, path.parent
    while not folder.is_dir():
        absent, folder = folder, folder.parent
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        names = []
    near = get_close_matches(absent.name, names, n=3, cutoff=0.5) or names[:3]
    listed = f"is {', '.join(near)}" if near else "is nothing"
    return DataError(
        "DATA-FILE",
        "there is no such file or folder",
        at=str(path),
        fix=f"check the path; in {folder} there {listed}",
    )
