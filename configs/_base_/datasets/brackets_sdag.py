# Stage one on the well-exposed shots of exposure brackets. With an enhancer in
# the loop, take the dark ones: shots='dark'.
_base_ = './folder_sdag.py'

train_dataloader = dict(
    dataset=dict(
        type='mmsdag.ExposureFolderDataset',
        data_root='{{$MMSDAG_BRACKETS:../shared/brackets}}',
        data_prefix=dict(img_path='images'),
        shots='bright',
        scene_range=(None, 900),
        in_memory=True,
    )
)
