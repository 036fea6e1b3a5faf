# YOLOX-nano as COCO taught it, tested on the dark shots of exposure brackets.
_base_ = [
    'mmdet::yolox/yolox_nano_8xb8-300e_coco.py',
    '../_base_/protocols/brackets.py',
    '../_base_/enhancer.py',
]
work_dir = 'work_dirs/{{fileBasenameNoExtension}}_{{$MMSDAG_ENHANCER:none}}'

model = dict(data_preprocessor=_base_.detection)
test_dataloader = dict(
    batch_size=1,
    dataset=dict(
        _delete_=True,
        **_base_.brackets_dark,
        pipeline=[*_base_.test_pipeline[:-1], _base_.brackets_formatting],
    ),
)
test_evaluator = dict(_delete_=True, **_base_.brackets_metric)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
