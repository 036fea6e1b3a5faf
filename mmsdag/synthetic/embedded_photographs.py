"""Photographs inside scikit-image and scikit-learn: no download."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple


class Embedded(NamedTuple):
    """A photograph inside an installed package."""

    name: str
    package: str
    path: str
    credit: str

    def find(self) -> Path:
        """Return the path of the photograph.

        Raises:
            FileNotFoundError: If the package, or its photograph, is missing.
        """
        spec = find_spec(self.package)
        path = Path(spec.origin).parent / self.path if spec and spec.origin else None
        if not path or not path.is_file():
            raise FileNotFoundError(
                f'the photograph {self.path} of {self.package} is missing: '
                'pip install scikit-image scikit-learn'
            )
        return path


ASTRONAUT = Embedded('astronaut', 'skimage', 'data/astronaut.png', 'NASA, public domain')
BRICK = Embedded('brick', 'skimage', 'data/brick.png', 'CC0Textures, CC0')
CAMERA = Embedded('camera', 'skimage', 'data/camera.png', 'Lav Varshney, CC0')
CHELSEA = Embedded('chelsea', 'skimage', 'data/chelsea.png', 'Stéfan van der Walt, CC0')
CHINA = Embedded(
    'china',
    'sklearn',
    'datasets/images/china.jpg',
    'flickr.com/photos/danielbuechele/6061409035, CC BY 2.0',
)
COFFEE = Embedded('coffee', 'skimage', 'data/coffee.png', 'Rachel Michetti, CC0')
FLOWER = Embedded(
    'flower',
    'sklearn',
    'datasets/images/flower.jpg',
    'flickr.com/photos/vultilion/6056698931, CC BY 2.0',
)
GRASS = Embedded('grass', 'skimage', 'data/grass.png', 'CC0Textures, CC0')
GRAVEL = Embedded('gravel', 'skimage', 'data/gravel.png', 'CC0Textures, CC0')
HUBBLE = Embedded('hubble', 'skimage', 'data/hubble_deep_field.jpg', 'NASA, public domain')
# Both views of the motorcycle train: held out, one would leak the other.
MOTORCYCLE_LEFT = Embedded(
    'motorcycle left',
    'skimage',
    'data/motorcycle_left.png',
    'Middlebury 2014 stereo benchmark, D. Scharstein et al.',
)
MOTORCYCLE_RIGHT = Embedded(
    'motorcycle right',
    'skimage',
    'data/motorcycle_right.png',
    'Middlebury 2014 stereo benchmark, D. Scharstein et al.',
)
RETINA = Embedded('retina', 'skimage', 'data/retina.jpg', 'CC0')
ROCKET = Embedded('rocket', 'skimage', 'data/rocket.jpg', 'SpaceX, public domain')
