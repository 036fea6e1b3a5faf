_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/sdag.py',
    '../_base_/datasets/folder_sdag.py',
    '../_base_/schedules/sdag_300k.py',
]

# VGG's frozen layers out of our own checkpoint: no download.
model = dict(
    generator=dict(
        extractor=dict(
            init_cfg=dict(
                checkpoint='{{ fileDirname }}/../../checkpoints/sdag_vgg16_1xb16-1k_brackets.pth',
                prefix='generator.extractor.',
            )
        )
    )
)

# tools/demo.py fills the folder; where there are dark photographs only, it
# puts a frozen Zero-DCE before SDAG (model.enhancer).
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    dataset=dict(
        data_root='work_dirs/demo/photographs/bright',
        min_size=32,
        in_memory=True,
        pipeline=[
            dict(type='mmsdag.LoadLowLightImage'),
            dict(type='mmsdag.RandomCrop', crop_size=(32, 32)),
            dict(type='mmsdag.RandomFlip', direction='horizontal'),
            dict(type='mmsdag.RandomFlip', direction='vertical'),
            dict(type='mmsdag.RandomTranspose'),
            dict(type='mmsdag.PackImages'),
        ],
    ),
)

# Minutes instead of hours: small crops, few steps, a high rate at first.
train_cfg = dict(max_iters=500)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = dict(_delete_=True, type='CosineAnnealingLR', by_epoch=False, T_max=500)
# No average of the weights: it would still be full of the first ones.
custom_hooks = []
default_hooks = dict(logger=dict(interval=5), checkpoint=dict(interval=20, max_keep_ckpts=1))
log_processor = dict(window_size=5)
