# EnlightenGAN on two folders in one, named as its authors name theirs:
# trainA has dark photographs, trainB well-exposed ones of any scenes.
data_root = '{{$MMSDAG_FOLDER:data/unpaired}}'
train_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.RandomCrop', crop_size=(320, 320)),
    dict(type='mmsdag.RandomFlip', direction='horizontal'),
    dict(type='mmsdag.RandomFlip', direction='vertical'),
    dict(type='mmsdag.PackImages'),
]
photographs = dict(
    type='mmsdag.LowLightFolderDataset', data_root=data_root, min_size=320, pipeline=train_pipeline
)

train_dataloader = dict(
    batch_size=32,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.UnpairedDataset',
        dark=dict(photographs, data_prefix=dict(img_path='trainA')),
        bright=dict(photographs, data_prefix=dict(img_path='trainB')),
    ),
)
