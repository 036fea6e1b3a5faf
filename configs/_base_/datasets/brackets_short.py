# Small crops of all exposures, for a short training on CPU cores; scenes from
# 901 on are held out, and their dark shots tested.
_base_ = ['./brackets_zero_dce.py', './brackets_test.py']

train_dataloader = dict(
    dataset=dict(
        min_size=128,
        in_memory=True,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(128, 128)),
            dict(type='mmsdag.PackImages'),
        ],
    )
)
