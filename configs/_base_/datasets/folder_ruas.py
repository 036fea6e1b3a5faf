# RUAS on a folder of dark photographs, one crop at a time.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(320, 320)),
    dict(type='mmsdag.PackImages'),
]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/low_light}}',
        min_size=320,
        pipeline=train_pipeline,
    ),
)
