# PSPNet R50 on ACDC at night, from its weights for Cityscapes by day.
_base_ = [
    'mmseg::pspnet/pspnet_r50-d8_4xb2-40k_cityscapes-512x1024.py',
    '../_base_/protocols/acdc_night.py',
    '../_base_/enhancer.py',
]
load_from = (
    'https://download.openmmlab.com/mmsegmentation/v0.5/pspnet/'
    'pspnet_r50-d8_512x1024_40k_cityscapes/'
    'pspnet_r50-d8_512x1024_40k_cityscapes_20200605_003338-2966598c.pth'
)
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=dict(size=_base_.acdc_night_crop, **_base_.segmentation))
train_dataloader = _base_.acdc_night_train
val_dataloader = _base_.acdc_night_val
test_dataloader = _base_.acdc_night_val
train_cfg = _base_.acdc_night_train_cfg
param_scheduler = _base_.acdc_night_decay
