# The authors' 1,000 epochs of 500 images, one at a time.
train_cfg = dict(type='ResumableTrainLoop', max_iters=500_000)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=3e-4, weight_decay=3e-4),
    clip_grad=dict(max_norm=5.0),
)
