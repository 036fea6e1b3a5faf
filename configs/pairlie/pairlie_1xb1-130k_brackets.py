_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/pairlie.py',
    '../_base_/datasets/brackets_pairs.py',
]

# The authors' recipe: 400 epochs of 324 pairs, one at a time, the rate halved
# every 100 epochs.
train_dataloader = dict(
    batch_size=1,
    dataset=dict(
        min_size=128,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.LoadLowLightImage', key='gt'),
            dict(type='mmsdag.RandomCrop', crop_size=128, keys=('img', 'gt')),
            dict(type='mmsdag.PackImages', keys=('img', 'gt')),
        ],
    ),
)
train_cfg = dict(type='ResumableTrainLoop', max_iters=129_600)
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=1e-4))
param_scheduler = dict(
    type='MultiStepLR', by_epoch=False, gamma=0.5, milestones=[32_400, 64_800, 97_200]
)
