# One weight, the exponent, learned by Zero-DCE's losses from dark shots.
_base_ = '../zero_dce/zero-dce_1xb8-1k_dark-brackets.py'

model = dict(
    _delete_=True,
    type='UnsupervisedEnhancer',
    generator=dict(type='GammaEnhancer', gamma=1.0, trainable=True),
    losses=dict(
        spa=dict(type='SpatialConsistencyLoss'),
        col=dict(type='ColorConstancyLoss', loss_weight=5.0),
        exp=dict(type='ExposureControlLoss', loss_weight=10.0),
    ),
)
train_cfg = dict(max_iters=200)
optim_wrapper = dict(optimizer=dict(lr=0.02, weight_decay=0.0), clip_grad=None)
param_scheduler = dict(T_max=200, eta_min=0.0)
