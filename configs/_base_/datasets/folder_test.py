# A folder of dark photographs, whole.
_base_ = '../evaluation/unpaired.py'

test_pipeline = [dict(type='mmsdag.LoadLowLightImage'), dict(type='mmsdag.PackImages')]

test_dataloader = dict(
    batch_size=1,
    num_workers=2,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_FOLDER:data/low_light}}',
        test_mode=True,
        pipeline=test_pipeline,
    ),
)
