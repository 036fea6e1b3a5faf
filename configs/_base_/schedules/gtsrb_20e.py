# 20 epochs of AdamW: five minutes on one CPU core.
train_cfg = dict(by_epoch=True, max_epochs=20, val_interval=5)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.05))
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, end=2, convert_to_iter_based=True),
    dict(type='CosineAnnealingLR', begin=2, T_max=18, convert_to_iter_based=True),
]
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)
