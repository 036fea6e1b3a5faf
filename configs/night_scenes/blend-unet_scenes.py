# Restores degraded scenes of the day. Without labels, and without any night.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/blend_unet_dark.py',
    '../_base_/schedules/blend_unet_8k.py',
]

# The darkness and the noise of one camera.
model = dict(degradation=dict(keep=0.1, exposure=(0.02, 0.1), shot=(2e-4, 1e-3)))

train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='mmsdag.ResumableSampler'),
    dataset=dict(
        type='mmsdag.LowLightFolderDataset',
        data_root='{{$MMSDAG_NIGHT_SCENES:data/night_scenes}}',
        data_prefix=dict(img_path='day/train'),
        in_memory=True,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomFlip', direction='horizontal'),
            dict(type='mmsdag.PackImages'),
        ],
    ),
)

# Minutes: few steps, at twice the rate.
train_cfg = dict(max_iters=500)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = dict(
    _delete_=True, type='OneCycleLR', by_epoch=False, eta_max=2e-3, total_steps=500
)
# An average would still be full of the first weights.
custom_hooks = []
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=50, max_keep_ckpts=1))
log_processor = dict(window_size=10)
