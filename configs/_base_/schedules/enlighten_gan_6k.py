# The authors' 200 epochs of 1,016 images in batches of 32; the rate falls to
# zero in the second half.
train_cfg = dict(type='ResumableTrainLoop', max_iters=6400)
optim_wrapper = dict(
    constructor='mmsdag.MultiOptimWrapperConstructor',
    generator=dict(modules='generator', optimizer=dict(type='Adam', lr=1e-4, betas=(0.5, 0.999))),
    discriminators=dict(
        modules=['global_discriminator', 'local_discriminator'],
        optimizer=dict(type='Adam', lr=1e-4, betas=(0.5, 0.999)),
    ),
)
# For training in several processes.
model_wrapper_cfg = dict(type='mmsdag.OwnStepDataParallel')
param_scheduler = [
    dict(type='LinearLR', by_epoch=False, start_factor=1.0, end_factor=0.0, begin=3200, end=6400)
]
