# CamVid's training frames without their labels, 480x360.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(256, 256)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.PackImages'),
]

train_dataloader = dict(
    batch_size=6,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_CAMVID:../shared/camvid}}',
        data_prefix=dict(img_path='images/train'),
        min_size=256,
        in_memory=True,
        pipeline=train_pipeline,
    ),
)
