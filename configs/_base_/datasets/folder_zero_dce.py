# Zero-DCE on a folder of photographs of mixed exposure. The authors shrink
# whole images to 256x256; crops keep the noise as the camera left it.
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(256, 256)),
    dict(type='mmsdag.PackImages'),
]

train_dataloader = dict(
    batch_size=8,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/low_light}}',
        min_size=256,
        pipeline=train_pipeline,
    ),
)
