# GTSRB's training signs without their labels, 32x32: a fifth of them well-lit,
# the others dark.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='Resize', scale=(32, 32)),
    dict(type='mmsdag.PackImages'),
]
_signs = dict(
    type='mmsdag.LowLightFolderDataset',
    data_root='{{$MMSDAG_GTSRB:../shared/gtsrb}}',
    in_memory=True,
    lazy_init=True,
    pipeline=train_pipeline,
)
_bright = dict(_signs, data_prefix=dict(img_path='{{$MMSDAG_GTSRB_TRAIN:train_bright}}'))
_dark = dict(
    _signs, is_dark=True, data_prefix=dict(img_path='{{$MMSDAG_GTSRB_DARK:train_dark_unlabelled}}')
)

train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='ConcatDataset',
        datasets=[_bright, dict(type='RepeatDataset', times=20, lazy_init=True, dataset=_dark)],
    ),
)
