# The schedule of the authors' ResNet-18 on CODaN.
train_cfg = dict(by_epoch=True, max_epochs=175, val_interval=1)
val_cfg = dict()
test_cfg = dict()
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.05, momentum=0.9, weight_decay=1e-5))
param_scheduler = dict(type='MultiStepLR', milestones=[50, 100, 150], gamma=0.1)
custom_imports = dict(imports=['mmsdag'], allow_failed_imports=False)
