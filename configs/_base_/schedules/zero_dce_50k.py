# The authors' 200 epochs of 2,002 images in batches of 8.
train_cfg = dict(type='ResumableTrainLoop', max_iters=50_000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-4, weight_decay=1e-4),
    clip_grad=dict(max_norm=0.1),
)
