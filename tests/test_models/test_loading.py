"""Whatever describes an enhancer leads to the same network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.weights import save_weights
from mmengine.config import Config, ConfigDict

import mmsdag.models.loading
from mmsdag.models import EnhancedDataPreprocessor, ZeroDCENet, load_enhancer
from mmsdag.utils import save_checkpoint
from mmsdag.utils.model_index import model_names

NETWORK = dict(type='mmsdag.ZeroDCENet', channels=4)
MODEL = dict(type='mmsdag.ZeroDCE', generator=NETWORK)


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    path = tmp_path / 'a.pth'
    save_weights(ZeroDCENet(channels=4), path, scale=2)
    return path


@pytest.fixture
def config_file(tmp_path) -> Path:
    path = tmp_path / 'config.py'
    path.write_text(Config(dict(model=MODEL)).pretty_text)
    return path


@pytest.mark.parametrize(
    'enhancer',
    [
        NETWORK,
        ConfigDict(NETWORK),
        MODEL,
        Config(dict(model=MODEL)),
        Config(dict(model=MODEL, default_scope='mmsdag')),
        dict(model=dict(type='ZeroDCE', generator=dict(NETWORK, type='ZeroDCENet'))),
    ],
)
def test_any_description_leads_to_the_network(enhancer, checkpoint):
    network = load_enhancer(enhancer, checkpoint)
    saved = torch.load(checkpoint, weights_only=True)['state_dict']
    for name, value in network.state_dict().items():
        assert torch.equal(value, saved[f'generator.{name}'])
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())


@pytest.mark.parametrize('kind', [str, Path])
def test_a_path_of_a_config_will_do(kind, config_file, checkpoint):
    network = load_enhancer(kind(config_file), kind(checkpoint))
    assert type(network).__name__ == 'ZeroDCENet'


def test_what_describes_it_is_left_as_it_is(checkpoint):
    config = Config(dict(model=MODEL, default_scope='mmsdag'))
    load_enhancer(config, checkpoint)
    assert config.model.to_dict() == MODEL


@pytest.mark.parametrize(
    'enhancer, message',
    [
        (dict(model=dict(type='mmsdag.ZeroDCE')), 'no model.generator'),
        (dict(type='mmsdag.ZeroDCE', generator='net'), "enhancer is 'net'"),
        (dict(type='mmsdag.VGGExtractor', init_cfg=None), 'no enhance'),
    ],
)
def test_what_describes_none_is_refused(enhancer, message):
    with pytest.raises(ValueError, match=message):
        load_enhancer(enhancer)


def test_a_checkpoint_of_an_enhancer_without_weights_is_refused(checkpoint):
    with pytest.raises(ValueError, match='does not fit the network') as error:
        load_enhancer(dict(type='mmsdag.GammaEnhancer'), checkpoint)
    # A network may have hundreds of weights.
    assert len(str(error.value)) < 600


def test_a_trained_model_is_called_by_its_name():
    model = model_names()['zero_dce.sdag']
    saved = torch.load(model.checkpoint, weights_only=True)['state_dict']
    network = load_enhancer('zero_dce.sdag')
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, saved[f'generator.{name}'])


def test_a_trained_model_takes_other_weights():
    other = model_names()['zero_dce.sdag']
    given = load_enhancer('zero_dce', other.checkpoint).state_dict()
    for name, value in load_enhancer('zero_dce.sdag').state_dict().items():
        assert torch.equal(value, given[name])


def test_weights_are_called_by_their_models_name():
    named = load_enhancer(dict(type='mmsdag.ZeroDCENet'), 'zero_dce.sdag')
    for name, value in load_enhancer('zero_dce.sdag').state_dict().items():
        assert torch.equal(value, named.state_dict()[name])


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused(checkpoint, value):
    content = torch.load(checkpoint, weights_only=True)
    content['state_dict']['generator.conv2.weight'][1, 2, 0, 0] = value
    torch.save(content, checkpoint)
    with pytest.raises(
        ValueError, match="a.pth': 1 of 14 weights .*, e.g. 'conv2.weight': .* take an earlier"
    ):
        load_enhancer(NETWORK, checkpoint)


def test_a_config_tells_which_models_it_has_trained():
    with pytest.raises(ValueError, match='by this config: zero_dce.sdag'):
        load_enhancer('zero_dce/zero-dce-sdag_1xb8-1k_brackets')


def test_a_network_without_weights_here_asks_for_a_checkpoint():
    with pytest.raises(ValueError, match='enlighten_gan: .*no checkpoint'):
        load_enhancer('enlighten_gan')


def test_weights_are_no_config(checkpoint):
    with pytest.raises(ValueError, match="enhancer='.*a.pth' is not a config"):
        load_enhancer(str(checkpoint))


@pytest.mark.parametrize(
    'wrong, error, message',
    [
        ('', FileNotFoundError, "checkpoint '' is an empty name"),
        (3, TypeError, 'checkpoint=3 of enhancer'),
        ('none.pth', FileNotFoundError, "'none.pth' does not exist, nor "),
        ('sdag.vgg16', FileNotFoundError, 'for another task.* zero_dce,'),
        ('/tmp', FileNotFoundError, "'/tmp' is a folder: name the .pth file"),
    ],
)
def test_wrong_weights_of_a_name_are_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        load_enhancer('zero_dce', wrong)


def test_a_name_that_nothing_has_is_told_with_similar_ones():
    with pytest.raises(FileNotFoundError, match='zero_dce.sdag'):
        load_enhancer('zero_dce.sdga')


def test_an_enhancer_comes_out_of_the_checkpoint_of_its_detector(tmp_path):
    net = ZeroDCENet(channels=4)
    weights = {
        f'data_preprocessor.enhancer.{name}': value for name, value in net.state_dict().items()
    }
    torch.save(
        dict(state_dict={'backbone.conv.weight': torch.ones(1), **weights}),
        tmp_path / 'detector.pth',
    )
    loaded = load_enhancer(NETWORK, tmp_path / 'detector.pth')
    for name, value in net.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value)


@pytest.fixture
def with_settings(tmp_path) -> Path:
    """Weights that belong to a network of four channels."""
    path = tmp_path / 'four.pth'
    save_weights(ZeroDCENet(channels=4), path)
    content = torch.load(path, weights_only=True)
    content['meta'] = dict(generator=dict(channels=4))
    torch.save(content, path)
    return path


def test_options_of_a_checkpoint_replace_those_of_a_config(with_settings, tmp_path):
    eight = dict(MODEL, generator=dict(NETWORK, channels=8))
    network = load_enhancer(Config(dict(model=eight)), with_settings)
    assert network.conv1.out_channels == 4


def test_the_network_s_own_config_has_the_last_word(with_settings):
    with pytest.raises(ValueError, match='does not fit the network'):
        load_enhancer(dict(NETWORK, channels=8), with_settings)


def test_the_loader_has_its_older_name_at_its_older_places(logged_warnings):
    assert mmsdag.models.build_enhancer is load_enhancer
    assert 'build_enhancer is now mmsdag.models.loading.load_enhancer' in (logged_warnings())
    mmsdag.models.build_enhancer  # noqa: B018
    assert not logged_warnings()
    for name in ('build_enhancer', 'enhancer_config', 'with_weights'):
        assert getattr(mmsdag.models.enhancers, name) is getattr(mmsdag.models.loading, name)
    with pytest.raises(AttributeError, match='no attribute .*build_enhancers'):
        mmsdag.models.enhancers.build_enhancers  # noqa: B018


def test_a_fine_tuned_enhancer_comes_out_of_what_its_detector_saves(tmp_path):
    detector = torch.nn.Module()
    detector.data_preprocessor = EnhancedDataPreprocessor(
        dict(type='mmengine.ImgDataPreprocessor'), enhancer=NETWORK, trainable=True
    )
    trained = detector.data_preprocessor.enhancer
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.25)
    save_checkpoint(dict(state_dict=detector.state_dict()), tmp_path / 'detector.pth')
    loaded = load_enhancer(NETWORK, tmp_path / 'detector.pth')
    x = torch.rand(1, 3, 16, 16)
    assert torch.equal(loaded.enhance(x), trained.enhance(x))
    assert not any(p.requires_grad for p in loaded.parameters())
