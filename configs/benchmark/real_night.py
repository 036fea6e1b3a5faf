# Which enhancer to put before a frozen detector, segmentor or classifier, on
# labeled data: real dusk and real nights, and well-lit photographs darkened by
# a camera model.
#
# MMSDAG_SHARED: folder of camvid/, gtsrb/, msrs_night/, brackets/, exdark/ and
# weights/.
# MMSDAG_AUTHORS: the folder of the authors' weights, converted.
_configs = '{{ fileDirname }}/..'
_checkpoints = '{{ fileDirname }}/../../checkpoints'
_shared = '{{$MMSDAG_SHARED:../shared}}'
_zero_dce = dict(type='mmsdag.ZeroDCENet')
_blend_unet = dict(type='mmsdag.BlendUNet')
_signs_unet = f'{_configs}/blend_unet/blend-unet_1xb64-200_gtsrb.py'
_signs = ['gtsrb_dark', 'gtsrb_bright', 'gtsrb_val']
_detection = [
    'msrs_night',
    'msrs_infrared',
    'msrs_day',
    'brackets_dark',
    'brackets_val',
    'brackets_bright',
    'brackets_10_noisy',
    'exdark',
]
_gamma = dict(type='mmsdag.GammaEnhancer', gamma=2.2)
_mean = dict(type='mmsdag.MeanScaleEnhancer', mean=0.4)


def _seeds(name):
    return [f'{name}_seed{seed}' for seed in range(3)]


def _blend_unets(key, tag, data, guide):
    """Return BlendUNet, unguided and guided."""
    unguided = f'blend_unet{key}'
    return {
        unguided: dict(
            enhancer=_blend_unet,
            checkpoint=_seeds(f'blend_unet.{tag}'),
            title=f'BlendUNet, {data}, unguided',
        ),
        f'{unguided}_guided': dict(
            enhancer=_blend_unet,
            checkpoint=_seeds(f'blend_unet.guided_{tag}'),
            guided_twin_of=unguided,
            title=f'BlendUNet, {data}, guided by {guide}',
        ),
    }


def _filtered(enhancer, name):
    return {
        kind: dict(
            enhancer=dict(type='mmsdag.DenoisedEnhancer', enhancer=enhancer, filter=kind),
            title=f'{name}, {title}',
        )
        for kind, title in (('bilateral', 'bilateral filter'), ('nlm', 'non-local means'))
    }


enhancers = dict(
    raw=None,
    gamma=dict(enhancer=_gamma, title='gamma 2.2'),
    mean=dict(enhancer=_mean, title='scaled to a mean of 0.4'),
    mean_channels=dict(
        enhancer=dict(type='mmsdag.MeanScaleEnhancer', mean=0.2, per_channel=True),
        datasets=_signs,
        title='each channel scaled to a mean of 0.2',
    ),
    zero_dce=dict(enhancer=_zero_dce, checkpoint=_seeds('zero_dce.brackets'), title='Zero-DCE'),
    zero_dce_sdag=dict(
        enhancer=_zero_dce,
        checkpoint=_seeds('zero_dce.sdag_brackets'),
        guided_twin_of='zero_dce',
        title='Zero-DCE + SDAG',
    ),
    **_blend_unets('', 'mixed', 'mixed data', 'three recognizers'),
    **_blend_unets('_camvid', 'camvid', 'CamVid', 'CGNet'),
    **_blend_unets('_camvid_tuned', 'camvid_tuned', 'fine-tuned on CamVid', 'CGNet'),
    **_blend_unets('_brackets', 'brackets', 'fine-tuned on brackets', 'YOLOX-nano'),
    blend_unet_signs=dict(
        enhancer=_signs_unet,
        checkpoint=_seeds('blend_unet.gtsrb'),
        datasets=_signs,
        title='BlendUNet, traffic signs, unguided',
    ),
    blend_unet_signs_guided=dict(
        enhancer=_signs_unet,
        checkpoint=_seeds('blend_unet.guided_gtsrb'),
        datasets=_signs,
        guided_twin_of=['blend_unet_signs', 'mean_channels'],
        title='BlendUNet, traffic signs, guided by ResNet-14',
    ),
)
for _key, _enhancer, _name in (
    ('gamma', _gamma, 'gamma 2.2'),
    ('mean', _mean, 'scaled to a mean of 0.4'),
):
    for _kind, _entry in _filtered(_enhancer, _name).items():
        enhancers[f'{_key}_{_kind}'] = _entry
# The detector sees the image as it is, too, and the boxes of both are merged.
for _key in ('gamma', 'mean_bilateral', 'blend_unet_brackets', 'blend_unet_brackets_guided'):
    _entry = enhancers[_key]
    enhancers[f'{_key}_both'] = dict(
        _entry,
        with_original=True,
        datasets=_detection,
        title=f'{_entry["title"]}, and the image itself',
    )
enhancers['blend_unet_brackets_guided_both']['guided_twin_of'] = 'blend_unet_brackets_both'
# An oracle that knows the exposure, on the test sets darkened by it.
for _percent, _names in {
    12: ['camvid_12', 'camvid_12_noisy'],
    10: ['brackets_10_noisy'],
    6: ['camvid_6', 'camvid_6_noisy'],
    3: ['camvid_3', 'camvid_3_noisy'],
}.items():
    _oracle = dict(type='mmsdag.InverseGainEnhancer', exposure=_percent / 100)
    # One title for all exposures: one line in the charts against the light.
    _name = 'inverse gain (oracle)'
    _key = f'inverse_gain_{_percent}'
    enhancers[_key] = dict(enhancer=_oracle, title=_name, datasets=_names)
    for _kind, _entry in _filtered(_oracle, _name).items():
        enhancers[f'{_key}_{_kind}'] = dict(_entry, datasets=_names)

recognizers = dict(
    cgnet=dict(
        config=f'{_configs}/segmentation/cgnet_camvid_frozen.py',
        checkpoint=f'{_shared}/weights/cgnet_camvid_mmseg.pth',
        task='seg',
        title='CGNet',
    ),
    yolox_nano=dict(
        config='mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
        checkpoint=f'{_shared}/weights/yolox_nano_coco_mmdet.pth',
        task='det',
        title='YOLOX-nano',
    ),
)

for _seed in range(3):
    recognizers[f'resnet14_{_seed}'] = dict(
        config=f'{_configs}/classification/resnet14-w24_1xb64-20e_gtsrb.py',
        checkpoint=f'{_checkpoints}/resnet14-w24_1xb64-20e_gtsrb_seed{_seed}.pth',
        task='cls',
        # One title for all seeds: the summary averages them.
        title='ResNet-14',
    )

_camvid = dict(config=f'{_configs}/segmentation/cgnet_camvid_frozen.py', task='seg')
_brackets = dict(config=f'{_configs}/_base_/datasets/brackets_detection.py', task='det')
_gtsrb = dict(
    config=f'{_configs}/classification/resnet14-w24_1xb64-20e_gtsrb.py', task='cls', batch_size=64
)
_msrs = dict(config=f'{_configs}/detection/yolox_nano_msrs-night_frozen.py', task='det')
datasets = dict(
    camvid_day=dict(_camvid, dataset=dict(light='day'), title='CamVid, day'),
    camvid_dusk=dict(_camvid, dataset=dict(light='dusk'), title='CamVid, real dusk'),
)
for _percent in (12, 6, 3):
    for _sensor, _shot in (('', 4e-4), ('_noisy', 2e-3)):
        datasets[f'camvid_{_percent}{_sensor}'] = dict(
            _camvid,
            dataset=dict(light='day'),
            darken=dict(exposure=_percent / 100, shot=_shot),
            title=f'CamVid, day, {_percent} % of the light, shot {_shot:g}',
        )
datasets.update(
    gtsrb_dark=dict(_gtsrb, title='GTSRB, dark signs'),
    gtsrb_bright=dict(
        _gtsrb,
        dataset=dict(ann_file='test_bright.txt', data_prefix='test_bright'),
        title='GTSRB, bright signs',
    ),
    # To choose on; its tracks are known, those of the test images are not.
    gtsrb_val=dict(
        _gtsrb,
        dataset=dict(ann_file='', data_prefix='train_dark_unlabelled', other_than='train_bright'),
        title='GTSRB, dark signs to choose on',
    ),
    msrs_night=dict(_msrs, title='MSRS at night'),
    msrs_infrared=dict(
        _msrs,
        dataset=dict(ann_file='night_infrared.json'),
        title='MSRS at night, boxes by infrared',
    ),
    msrs_day=dict(_msrs, dataset=dict(ann_file='day_visible.json'), title='MSRS by day'),
    brackets_dark=dict(_brackets, title='dark bracket shots'),
    # To choose on: BlendUNet trains on the well-lit shots of these scenes.
    brackets_val=dict(
        _brackets, dataset=dict(scene_range=(None, 900)), title='dark bracket shots to choose on'
    ),
    brackets_bright=dict(
        _brackets, dataset=dict(ann_file='bright.json'), title='bright bracket shots'
    ),
    brackets_10_noisy=dict(
        _brackets,
        dataset=dict(ann_file='bright.json'),
        darken=dict(exposure=0.1, shot=2e-3),
        title='bright bracket shots, 10 % of the light, shot 0.002',
    ),
    exdark=dict(
        config=f'{_configs}/detection/yolox_nano_exdark_frozen.py',
        dataset=dict(
            data_root=f'{_shared}/exdark',
            ann_file='imageclasslist.txt',
            data_prefix=dict(img_path='../images/exdark', ann_path='annotations_voc.zip'),
            missing_images='skip',
        ),
        class_names=dict(Motorbike='motorcycle', People='person', Table='dining table'),
        title='photographs of ExDark',
    ),
)

# At the original size, before the recognizer's own resizing.
plug_in = 'transform'
baseline = 'raw'
# Images of a scene, of the same ten seconds or of one sign's track are not
# independent.
bootstrap = dict(samples=1000, seed=0, group=('scene', 'track'))
pictures = 2

_authors = '{{$MMSDAG_AUTHORS:none}}'
if _authors != 'none':
    enhancers.update(
        official=dict(
            enhancer=_zero_dce,
            checkpoint=f'{_authors}/zero-dce.pth',
            title="Zero-DCE, the authors'",
        ),
        official_sdag=dict(
            enhancer=_zero_dce,
            checkpoint=f'{_authors}/zero-dce-sdag.pth',
            guided_twin_of='official',
            title="Zero-DCE + SDAG, the authors'",
        ),
    )
