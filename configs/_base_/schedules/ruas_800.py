# Two optimizers; model.denoise_interval says when it is the denoiser's turn.
train_cfg = dict(type='ResumableTrainLoop', max_iters=800)
optim_wrapper = dict(
    constructor='mmsdag.MultiOptimWrapperConstructor',
    illumination=dict(
        modules='generator.illumination',
        optimizer=dict(type='SGD', lr=0.015, momentum=0.9, weight_decay=3e-4),
        clip_grad=dict(max_norm=5),
    ),
    denoiser=dict(
        modules='generator.denoiser',
        optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=3e-4),
        clip_grad=dict(max_norm=5),
    ),
)
# For training in several processes.
model_wrapper_cfg = dict(type='mmsdag.OwnStepDataParallel')
