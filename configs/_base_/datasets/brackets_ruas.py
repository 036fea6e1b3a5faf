# RUAS on dark shots; scenes from 901 on are held out (brackets_test.py).
_base_ = './folder_ruas.py'

train_dataloader = dict(
    dataset=dict(
        type='mmsdag.ExposureFolderDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        data_prefix=dict(img_path='images'),
        shots='dark',
        scene_range=(None, 900),
    )
)
