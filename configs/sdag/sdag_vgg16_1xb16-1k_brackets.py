_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/sdag.py',
    '../_base_/datasets/brackets_sdag.py',
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

# 300 k iterations in short: a higher rate, annealed, and a quicker average.
train_cfg = dict(max_iters=1000)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = dict(
    _delete_=True, type='CosineAnnealingLR', by_epoch=False, T_max=1000, eta_min=5e-6
)
custom_hooks = [dict(type='EMAHook', momentum=0.01)]
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=50, max_keep_ckpts=1))
