"""Fetch files from mirrors: resumed where a connection broke, checked, and whole or not there.

A file arrives as NAME.part, and takes its name when its SHA-256 is right. What a broken connection
left is gone on with, by HTTP's Range, also from another mirror. Nothing but the standard library.
"""

import hashlib
import http.client
import os
import urllib.error
import urllib.request

TIMEOUT = 30  # seconds without an answer
BLOCK = 65536

# MNIST: file name, bytes, SHA-256. The same numbers stand in the code of many projects.
MNIST = (
    ("train-images-idx3-ubyte.gz", 9912422,
     "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    ("train-labels-idx1-ubyte.gz", 28881,
     "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ("t10k-images-idx3-ubyte.gz", 1648877,
     "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    ("t10k-labels-idx1-ubyte.gz", 4542,
     "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
)  # fmt: skip
MNIST_MIRRORS = (
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "http://yann.lecun.com/exdb/mnist/",
)


def fetch_mnist(folder):
    """Have MNIST's files in the folder; what is there already and right is not fetched again."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, size, sha256 in MNIST:
        if (folder / name).exists() and checksum(folder / name) == sha256:
            print(f"{name}: already in {folder}")
        else:
            fetch(folder / name, size, sha256, MNIST_MIRRORS)


def fetch(path, size, sha256, mirrors):
    """One file from the first mirror that gives it; OSError, with all reasons, if none does."""
    part = path.with_name(path.name + ".part")
    reasons = []
    for mirror in mirrors:
        try:
            fetch_from(mirror + path.name, part, size, sha256)
        except (OSError, http.client.HTTPException) as error:
            known = not isinstance(error, urllib.error.HTTPError) and hasattr(error, "reason")
            reasons.append(f"{mirror}: {error.reason if known else error}")
            print(f"{path.name}: nothing from {reasons[-1]}", flush=True)
        else:
            os.replace(part, path)
            print(f"{path.name}: {size:,} bytes from {mirror}", flush=True)
            return
    raise OSError(
        f"{path.name} could not be fetched:\n  " + "\n  ".join(reasons) + "\nTry again later, for "
        f"what has come is kept; or put the file into {path.parent} by hand"
    )


def fetch_from(url, part, size, sha256):
    """Fill up `part` from one mirror, as often as a broken connection brought anything new."""
    found = length(part)
    while (before := length(part)) != size:
        try:
            append(url, part, size)
        except (OSError, http.client.HTTPException):
            if length(part) <= before:
                raise
            print(f"{part.name}: the connection broke at {length(part):,} bytes; going on")
    if checksum(part) != sha256:
        part.unlink()
        if found:  # the beginning was from elsewhere, and may be what is wrong: all from here
            return fetch_from(url, part, size, sha256)
        raise OSError("the SHA-256 is wrong: not the file that it should be; it was deleted")


def append(url, part, size):
    """Ask for what `part` lacks and write it there; from the beginning, if that is what comes."""
    start = length(part)
    if start > size:
        part.unlink()
        start = 0
    with opened(url, start) as response:
        if response.status != 206 or not response.headers["Content-Range"]:
            start = 0  # a server without Range sends everything
        rest = response.headers["Content-Length"]
        if rest and start + int(rest) != size:
            raise OSError(f"it has a file of {start + int(rest):,} bytes instead of {size:,}")
        with part.open("ab" if start else "wb") as file:
            while start < size and (block := response.read(min(BLOCK, size - start))):
                file.write(block)
                start += len(block)
    if start < size:
        raise OSError(f"the file ended after {start:,} of {size:,} bytes")


def opened(url, start):
    """The answer to a request for all bytes from `start` on."""
    headers = {"User-Agent": "chalkgrad-demos", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        raise


def length(path):
    return path.stat().st_size if path.exists() else 0


def checksum(path):
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
