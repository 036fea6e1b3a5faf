# Some minutes on one CPU core: small crops, narrow discriminators, features
# that are at hand.
_base_ = [
    '../_base_/default_runtime.py',
    '../_base_/models/enlighten_gan.py',
    '../_base_/datasets/brackets_enlighten_gan.py',
    '../_base_/datasets/brackets_test.py',
    '../_base_/schedules/enlighten_gan_6k.py',
]

# The first layers of VGG-16, out of SDAG's checkpoint: nothing to download.
model = dict(
    global_discriminator=dict(base_channels=32),
    local_discriminator=dict(base_channels=32),
    feature_loss=dict(
        extractor=dict(
            type='VGGExtractor',
            init_cfg=dict(
                type='Pretrained', checkpoint=_base_.sdag_checkpoint, prefix='generator.extractor.'
            ),
        )
    ),
)
train_cfg = dict(max_iters=300)
param_scheduler = None
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=100, max_keep_ckpts=1))
