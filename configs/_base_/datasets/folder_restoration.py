# Restoration of a folder of well-lit photographs, in crops, without labels.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(256, 256)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.PackImages'),
]

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/well_lit}}',
        min_size=256,
        pipeline=train_pipeline,
    ),
)
