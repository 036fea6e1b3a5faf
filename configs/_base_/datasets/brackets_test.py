# The dark shots of the scenes that no training config uses, whole: how they
# look beside the well-exposed shot, and how degraded.
_base_ = '../evaluation/paired.py'

sdag_checkpoint = '{{ fileDirname }}/../../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth'

test_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmsdag.LoadLowLightImage', key='gt'),
    dict(type='mmsdag.PackImages'),
]

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.ExposureFolderDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        data_prefix=dict(img_path='images'),
        shots='dark',
        scene_range=(901, None),
        paired=True,
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
test_evaluator = [
    *_base_.test_evaluator,
    dict(type='mmsdag.SDAGReconstructionError', checkpoint=sdag_checkpoint),
]
