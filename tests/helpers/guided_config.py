_base_ = [
    '../../configs/_base_/default_runtime.py',
    '../../configs/_base_/models/zero_dce.py',
    '../../configs/_base_/datasets/folder_zero_dce.py',
    '../../configs/_base_/schedules/zero_dce_50k.py',
]

# bfloat16 rounds a half batch otherwise than the whole.
model = dict(amp_dtype=None)
train_dataloader = dict(
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        min_size=48,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(48, 48)),
            dict(type='mmsdag.PackImages'),
        ],
    ),
)
custom_hooks = [dict(type='SDAGGuidanceHook', loss_weight=20.0, amp_dtype=None)]
