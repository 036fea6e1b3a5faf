# The dark shots of the scenes that no training config uses, whole.
test_pipeline = [
    dict(type='mmsdag.LoadLowLightImage'),
    dict(type='mmagic.PackInputs', keys=['img']),
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
        test_mode=True,
        pipeline=test_pipeline))
