"""Find images and the annotation files that belong to them."""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mmsdag.utils.files import walk_files

from ..low_light_folder import named
from .base import MAX_IMAGE_BYTES, Annotation, AnnotationError, ListedImage, check_size, read_bytes
from .bbgt import parse_bbgt
from .dark_face import parse_dark_face
from .voc import parse_voc

#: Parses an annotation: content and name.
Parser = Callable[[bytes, str], Annotation]

#: Parsers of the annotations of a data set, by the suffix of their names.
EXDARK_PARSERS: dict[str, Parser] = {'.xml': parse_voc, '.txt': parse_bbgt}
DARK_FACE_PARSERS: dict[str, Parser] = {'.xml': parse_voc, '.txt': parse_dark_face}


class FileIndex:
    """Index of the files below a folder or in a zip archive, by their names.

    The search ignores case, unless two names differ only in case. Hidden files
    and files that macOS adds to archives are left out.

    Args:
        root: A folder, or a file that ends in ``.zip``.
        suffixes: Suffixes of the names to index, in lower case.
        what: Config key or option that names root, for messages.
        required: Whether root must be there; else it counts as empty.

    Raises:
        FileNotFoundError: If root is neither a folder nor an archive.
        AnnotationError: If the archive is damaged.
    """

    def __init__(
        self, root: str | os.PathLike, suffixes: Iterable[str], what: str, required: bool = True
    ) -> None:
        self.root = os.fspath(root)
        self.suffixes = tuple(suffixes)
        self.what = what
        self.zip: zipfile.ZipFile | None = None
        self._paths: dict[str, list[str]] = defaultdict(list)
        for path in self._walk() if required or os.path.exists(root) else ():
            name = os.path.basename(path)
            if (
                name.lower().endswith(self.suffixes)
                and not name.startswith('.')
                and '__MACOSX' not in path
            ):
                self._paths[name.casefold()].append(path)

    def __len__(self) -> int:
        return len(self._paths)

    def list_images(self) -> list[ListedImage]:
        """List the images of the annotation files, by their names.

        Raises:
            FileNotFoundError: If there are no files.
        """
        names = sorted(
            os.path.splitext(os.path.basename(path))[0]
            for paths in self._paths.values()
            for path in paths
        )
        if not names:
            raise FileNotFoundError(
                f'no files {" or ".join(self.suffixes)} in {self.root}: check {self.what}'
            )
        return [ListedImage(name, line) for line, name in enumerate(names, 1)]

    def find(self, name: str) -> str | None:
        """Return the path of the file of this name, or None.

        Raises:
            ValueError: If there are several.
        """
        paths = self._paths.get(name.casefold(), [])
        if len(paths) > 1:
            paths = [p for p in paths if os.path.basename(p) == name] or paths
        if len(paths) > 1:
            raise ValueError(
                f'{len(paths)} files in {self.root} are named {name!r}: {paths[0]}, {paths[1]}; '
                f'set {self.what} to one of their folders'
            )
        return paths[0] if paths else None

    def read(self, path: str) -> bytes:
        """Read a file that :meth:`find` found.

        Raises:
            AnnotationError: If it is too large or, in an archive, damaged.
        """
        if self.zip is None:
            return read_bytes(path)
        shown = self.shown(path)
        try:
            check_size(shown, self.zip.getinfo(path).file_size, MAX_IMAGE_BYTES)
            with self.zip.open(path) as file:
                # The announced size may be a lie.
                content = file.read(MAX_IMAGE_BYTES + 1)
        except AnnotationError:
            raise
        except Exception as error:  # zlib, encryption, checksums, …
            raise AnnotationError(shown, None, f'damaged archive ({error})') from None
        check_size(shown, len(content), MAX_IMAGE_BYTES)
        return content

    def shown(self, path: str) -> str:
        """Return the path of a file for messages, with that of its archive."""
        return path if self.zip is None else f'{self.root}/{path}'

    def _walk(self) -> Iterator[str]:
        if self.root.lower().endswith('.zip') and os.path.isfile(self.root):
            try:
                self.zip = zipfile.ZipFile(self.root)
            except Exception as error:  # BadZipFile, struct.error, …
                raise AnnotationError(self.root, None, f'damaged archive ({error})') from None
            yield from (i.filename for i in self.zip.infolist() if not i.is_dir())
        elif os.path.isdir(self.root):
            yield from walk_files(self.root)
        else:
            raise FileNotFoundError(
                f'no folder or zip archive {self.root} (working folder '
                f'{os.getcwd()}): check {self.what}'
            )


@dataclass(frozen=True)
class Record:
    """A listed image, its file if there is one, and its annotation.

    ``ann_path`` is for messages: it may lead into an archive.
    """

    image: ListedImage
    img_path: str | None
    ann_path: str
    annotation: Annotation


def read_records(
    listed: list[ListedImage],
    images: FileIndex,
    annotations: FileIndex,
    parsers: dict[str, Parser],
    progress: Callable[[Iterable], Iterable] = iter,
) -> Iterator[Record]:
    """Find and parse the annotation of each listed image.

    An image ``NAME.png``, listed with or without its ending and folder, has
    the annotation ``NAME.png.xml``, ``NAME.xml``, ``NAME.png.txt`` or
    ``NAME.txt``, whichever is there first.

    Args:
        listed: The images.
        images: Where to look for them.
        annotations: Where to look for the annotations.
        parsers: How to read these, by the ending of the name.
        progress: Wraps what is iterated over.

    Raises:
        FileNotFoundError: For images without an annotation, before any is
            read.
        AnnotationError: For the first broken one.
    """
    found, missing = [], []
    for image in listed:
        name = os.path.basename(image.name)
        img_path = images.find(name)
        if img_path is None and not name.lower().endswith(images.suffixes):
            paths = (images.find(name + end) for end in images.suffixes)
            img_path = next(filter(None, paths), None)
        stems = dict.fromkeys((os.path.basename(img_path or name), name, os.path.splitext(name)[0]))
        candidates = (annotations.find(stem + end) for end in parsers for stem in stems)
        ann_path = next(filter(None, candidates), None)
        if ann_path is None:
            missing.append(image.name)
        else:
            found.append((image, img_path, ann_path))
    if missing:
        raise FileNotFoundError(
            f'{len(missing)} of the {len(listed)} listed images have no annotation '
            f'({" or ".join(parsers)}) in {annotations.root}, which has {len(annotations)}; check '
            f'{annotations.what}:{named(missing)}'
        )
    for image, img_path, ann_path in progress(found):
        parse = parsers[Path(ann_path).suffix.lower()]
        shown = annotations.shown(ann_path)
        yield Record(image, img_path, shown, parse(annotations.read(ann_path), shown))
