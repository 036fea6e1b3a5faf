# SCI on a folder of low-light photographs: whole, so one at a time.
train_pipeline = [dict(type='mmsdag.LoadLowLightImage'), dict(type='mmsdag.PackImages')]

train_dataloader = dict(
    batch_size=1,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/low_light}}',
        min_size=3,
        pipeline=train_pipeline,
    ),
)
