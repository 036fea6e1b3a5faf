# A thirtieth of the authors' iterations, at a higher, annealed rate.
_base_ = 'sdag_vgg16_1xb16-300k_folder.py'

train_cfg = dict(max_iters=10_000)
optim_wrapper = dict(optimizer=dict(lr=5e-4))
param_scheduler = dict(
    _delete_=True, type='CosineAnnealingLR', by_epoch=False, T_max=10_000, eta_min=5e-6
)
