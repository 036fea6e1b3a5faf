_base_ = './zero_dce.py'

model = dict(
    type='ZeroDCEPP',
    generator=dict(type='ZeroDCEPPNet', scale_factor=1),
    tv_loss=dict(loss_weight=1600.0),
)
