# LOL v1, the 15 pairs of eval15, 600x400.
_base_ = '../evaluation/paired.py'

test_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.LoadLowLightImage', key='gt'),
    dict(type='mmsdag.PackImages'),
]

test_dataloader = dict(
    batch_size=1,
    num_workers=1,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.PairedFolderDataset',
        data_root='{{$MMSDAG_LOL:../shared/lol/eval15}}',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_evaluator = [dict(type='mmsdag.MeanMatchedPSNR'), *_base_.test_evaluator]
