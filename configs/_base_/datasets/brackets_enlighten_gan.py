# EnlightenGAN on small crops of the dark and of the well-exposed shots of
# exposure brackets; scenes from 901 on are held out (brackets_test.py).
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(96, 96)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.RandomFlip', direction='vertical'),
    dict(type='mmsdag.PackImages'),
]
photographs = dict(
    type='mmsdag.ExposureFolderDataset',
    data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
    data_prefix=dict(img_path='images'),
    scene_range=(None, 900),
    min_size=96,
    in_memory=True,
    pipeline=train_pipeline,
)

train_dataloader = dict(
    batch_size=4,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.UnpairedDataset',
        dark=dict(photographs, shots='dark'),
        bright=dict(photographs, shots='bright'),
    ),
)
