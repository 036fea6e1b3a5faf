# Well-lit shots of exposure brackets, 512x512, of the scenes up to 900, and
# CamVid's training frames, 480x360; without labels.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(256, 256)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.PackImages'),
]
_photographs = dict(min_size=256, in_memory=True, pipeline=train_pipeline)

train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='ConcatDataset',
        ignore_keys=['dataset_type'],
        datasets=[
            dict(
                _photographs,
                type='mmsdag.ExposureFolderDataset',
                data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
                data_prefix=dict(img_path='images'),
                shots=(75, 175),
                scene_range=(None, 900),
            ),
            dict(
                _photographs,
                type='mmsdag.LowLightFolderDataset',
                data_root='{{$MMSDAG_CAMVID:../shared/camvid}}',
                data_prefix=dict(img_path='images/train'),
            ),
        ],
    ),
)
