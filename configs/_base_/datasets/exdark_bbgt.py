# ExDark as its authors publish it: class folders and bbGt text files.
#
# Gives what exdark_voc.py gives, the same images and boxes.
_base_ = './exdark_voc.py'

train_dataloader = dict(
    dataset=dict(
        ann_file='imageclasslist.txt',
        split='train',
        data_prefix=dict(img_path='ExDark', ann_path='ExDark_Annno'),
    )
)
val_dataloader = dict(
    dataset=dict(
        ann_file='imageclasslist.txt',
        split='val',
        data_prefix=dict(img_path='ExDark', ann_path='ExDark_Annno'),
    )
)
test_dataloader = dict(
    dataset=dict(
        ann_file='imageclasslist.txt',
        split='test',
        data_prefix=dict(img_path='ExDark', ann_path='ExDark_Annno'),
    )
)
