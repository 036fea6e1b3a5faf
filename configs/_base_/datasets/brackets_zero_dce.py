# Zero-DCE on all exposures, as its authors train it; scenes from 901 on are
# held out (brackets_test.py).
_base_ = './folder_zero_dce.py'

train_dataloader = dict(
    dataset=dict(
        type='mmsdag.ExposureFolderDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        data_prefix=dict(img_path='images'),
        shots='all',
        scene_range=(None, 900),
    )
)
