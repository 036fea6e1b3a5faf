import json

import pytest
from PIL import Image

from mmsdag.datasets import ExposureFolderDataset

SCENES = [
    dict(
        images=['01.png', '02.png', '03.png'], mean=[5, 99, 200], bright='02.png', dark=['01.png']
    ),
    dict(images=['04.png'], mean=[99], bright=None, dark=[]),
    dict(
        images=['05.png', '06.png', '07.png'],
        mean=[5, 9, 99],
        bright='07.png',
        dark=['05.png', '06.png'],
    ),
]


@pytest.fixture
def folder(tmp_path):
    for scene in SCENES:
        for name in scene['images']:
            Image.new('RGB', (8, 8)).save(tmp_path / name)
    (tmp_path / 'scenes.json').write_text(json.dumps(SCENES))
    return tmp_path


def numbers(folder, **kwargs):
    dataset = ExposureFolderDataset(str(folder), **kwargs)
    return [int(dataset.get_data_info(i)['img_path'][-6:-4]) for i in range(len(dataset))]


@pytest.mark.parametrize(
    'shots, expected',
    [
        ('all', [1, 2, 3, 4, 5, 6, 7]),
        ('dark', [1, 5, 6]),
        ('bright', [2, 7]),
        # Well-lit shots, of a scene without a bright one, too.
        ((9, 99), [2, 4, 6, 7]),
    ],
)
def test_shots_choose_by_exposure(folder, shots, expected):
    assert numbers(folder, shots=shots) == expected


def test_a_scene_is_in_or_out_as_a_whole_by_its_first_image(folder):
    assert numbers(folder, scene_range=(None, 6)) == [1, 2, 3, 4, 5, 6, 7]
    assert numbers(folder, scene_range=(None, 4)) == [1, 2, 3, 4]
    assert numbers(folder, scene_range=(5, None)) == [5, 6, 7]
    assert numbers(folder, scene_range=(4, 4)) == [4]


def test_shots_that_no_scene_has_are_refused(folder):
    with pytest.raises(ValueError, match='no dark shots in scenes 4 to 4'):
        numbers(folder, shots='dark', scene_range=(4, 4))


def test_a_partner_is_drawn_among_the_other_chosen_shots(folder):
    dataset = ExposureFolderDataset(str(folder), paired='random', scene_range=(None, 4))
    assert [dataset.get_data_info(i)['img_path'][-6:-4] for i in range(len(dataset))] == [
        '01',
        '02',
        '03',
    ]
    drawn = {dataset.get_data_info(0)['gt_path'][-6:-4] for _ in range(40)}
    assert drawn == {'02', '03'}
    dark = ExposureFolderDataset(str(folder), paired='random', shots='dark')
    assert [dark.get_data_info(i)['gt_path'][-6:-4] for i in range(2)] == ['06', '05']
    assert len(dark) == 2


def test_pairs_of_scenes_with_one_shot_are_refused(folder):
    with pytest.raises(ValueError, match='no dark shots with a partner'):
        numbers(folder, shots='dark', paired='random', scene_range=(1, 4))
    with pytest.raises(ValueError, match="paired='both' must be"):
        numbers(folder, paired='both')


def test_unknown_shots_are_refused(folder):
    with pytest.raises(ValueError, match="shots='night' is none of all"):
        numbers(folder, shots='night')
    with pytest.raises(ValueError, match='range of mean gray levels'):
        numbers(folder, shots=(75,))


def test_a_range_of_levels_needs_the_levels(folder):
    scenes = [{key: value for key, value in scene.items() if key != 'mean'} for scene in SCENES]
    (folder / 'scenes.json').write_text(json.dumps(scenes))
    assert numbers(folder, shots='bright') == [2, 7]
    with pytest.raises(ValueError, match='JSON list of scenes with images, dark, bright, mean'):
        numbers(folder, shots=(75, 175))


@pytest.mark.parametrize('content', ['[', '{"a": 1}', '[{"dark": []}]', '[3]'])
def test_a_list_of_another_format_is_refused_by_name(folder, content):
    (folder / 'scenes.json').write_text(content)
    with pytest.raises(ValueError, match='scenes.json.* JSON list of scenes'):
        numbers(folder)


def test_scenes_without_numbers_have_no_range(folder):
    scenes = [dict(images=['a.png'], bright='a.png', dark=[])]
    (folder / 'a.png').write_bytes((folder / '01.png').read_bytes())
    (folder / 'scenes.json').write_text(json.dumps(scenes))
    ExposureFolderDataset(str(folder))
    with pytest.raises(ValueError, match="a range needs a number in 'a.png'"):
        numbers(folder, scene_range=(1, 2))


def test_the_brackets_split_into_scenes_that_share_no_image(shared):
    # Counted in scenes.json: 189 dark shots, 164 scenes with a bright one.
    sets = {}
    for shots in ('all', 'dark', 'bright'):
        for scenes in ((None, 900), (901, None)):
            dataset = ExposureFolderDataset(
                str(shared / 'brackets'),
                data_prefix=dict(img_path='images'),
                shots=shots,
                scene_range=scenes,
                min_size=512,
            )
            sets[shots, scenes[0]] = {
                dataset.get_data_info(i)['img_path'] for i in range(len(dataset))
            }
    sizes = {key: len(paths) for key, paths in sets.items()}
    assert sizes == {
        ('all', None): 905,
        ('all', 901): 395,
        ('dark', None): 128,
        ('dark', 901): 61,
        ('bright', None): 117,
        ('bright', 901): 47,
    }
    assert not sets['all', None] & sets['all', 901]


def pairs(folder, **kwargs):
    dataset = ExposureFolderDataset(str(folder), paired=True, **kwargs)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(info['img_path'][-6:-4], info['gt_path'][-6:-4]) for info in infos]


def test_pairs_are_shots_and_the_well_exposed_one_of_their_scene(folder):
    assert pairs(folder, shots='dark') == [('01', '02'), ('05', '07'), ('06', '07')]


def test_shots_of_scenes_without_a_well_exposed_one_have_no_pair(folder):
    assert ('04',) not in [pair[:1] for pair in pairs(folder, shots='all')]
    assert len(pairs(folder, shots='all')) == 6


def test_pairs_of_different_sizes_are_refused_by_name(folder):
    Image.new('RGB', (9, 8)).save(folder / '07.png')
    with pytest.raises(ValueError, match='2 of 3 shots(.|\n)*05.png: 8x8.*07.png: 8x9'):
        pairs(folder, shots='dark')
