# Pairs of dark shots of one scene, in small crops, for a short training on CPU
# cores; scenes from 901 on are held out, and their dark shots tested.
_base_ = './brackets_test.py'

train_dataloader = dict(
    batch_size=2,
    num_workers=2,
    persistent_workers=True,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.ExposureFolderDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        data_prefix=dict(img_path='images'),
        shots='dark',
        paired='random',
        scene_range=(None, 900),
        in_memory=True,
        min_size=48,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.LoadLowLightImage', key='gt'),
            dict(type='mmsdag.RandomCrop', crop_size=48, keys=('img', 'gt')),
            dict(type='mmsdag.PackImages', keys=('img', 'gt')),
        ],
    ),
)
