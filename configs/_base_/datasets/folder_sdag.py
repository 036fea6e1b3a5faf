# Stage one on a folder of enhanced or normal-light photographs: crops of 64,
# flips and 90-degree rotations (two flips and a transposition make all eight).
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(64, 64)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.RandomFlip', direction='vertical'),
    dict(type='mmsdag.RandomTranspose'),
    dict(type='mmsdag.PackImages'),
]

train_dataloader = dict(
    batch_size=16,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/low_light}}',
        min_size=64,
        pipeline=train_pipeline,
    ),
)
